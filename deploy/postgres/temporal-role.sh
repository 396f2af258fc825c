#!/bin/sh
# Run once by the postgres image when its volume is empty: Temporal gets a role of its own, which reaches none of our data.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set=password="$TEMPORAL_PASSWORD" <<'SQL'
create role temporal login createdb password :'password';
SQL
