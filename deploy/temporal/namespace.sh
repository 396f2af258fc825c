#!/bin/sh
# Creates the namespace (closed runs are kept for 30 days, as long as callers may repeat a request) and registers the
# search attributes that workflows set. May be repeated.
set -eu
until temporal operator cluster health; do sleep 1; done

temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 720h

known=$(temporal operator search-attribute list -n "$TEMPORAL_NAMESPACE")
for attribute in TenantId=Keyword OfferId=Keyword BookingReference=Keyword BookingStatus=Keyword NeedsAttention=Bool; do
    name=${attribute%=*}
    case "$known" in
        *"$name"*) ;;
        *) temporal operator search-attribute create -n "$TEMPORAL_NAMESPACE" --name "$name" --type "${attribute#*=}" ;;
    esac
done
