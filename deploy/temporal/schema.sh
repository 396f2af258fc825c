#!/bin/sh
# Creates Temporal's two databases and brings their schema up to date. May be repeated.
set -eu
schema=/etc/temporal/schema/postgresql/v12

for folder in temporal visibility; do
    database=temporal
    [ "$folder" = temporal ] || database=temporal_$folder
    tool="temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db $database"
    $tool create
    $tool setup-schema -v 0.0 # leaves a later version as it is
    $tool update-schema -d "$schema/$folder/versioned"
done
