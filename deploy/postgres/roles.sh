#!/bin/sh
# Run once by the postgres image, as its superuser, when the data folder is empty. The product
# itself connects as `sextant`, whom row policies bind; it refuses to start as a superuser.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$SEXTANT_DB_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE sextant LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
CREATE ROLE sextant_partner NOLOGIN;
GRANT sextant_partner TO sextant WITH INHERIT FALSE, SET TRUE;
CREATE DATABASE sextant OWNER sextant;
SQL
