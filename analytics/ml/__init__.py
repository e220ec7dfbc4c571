"""Estimators and statistics in plain numpy, scipy and scikit-learn; nothing here knows Django."""
