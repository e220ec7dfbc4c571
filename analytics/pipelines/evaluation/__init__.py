"""Scores held against what happened, on anybody's file: no database, no worker, no model of ours needed."""
