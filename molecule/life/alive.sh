#!/usr/bin/env bash
# Says what of the old life works; each line is one thing.
PGPASSWORD=legacy-Passw0rd-of-old psql -XAtq -h 127.0.0.1 -U legacy legacy -c "SELECT 'database ' || count(*) FROM parts" 2>&1
PGPASSWORD=legacy-Passw0rd-of-old psql -XAtq -h 127.0.0.1 -U legacy legacy -c "SELECT 'work_mem ' || current_setting('work_mem')" 2>&1
PGPASSWORD=legacy-Passw0rd-of-old psql -XAtq -h 127.0.0.1 -p 6432 -U legacy legacy -c "SELECT 'pooled ' || count(*) FROM parts" 2>&1
echo "redis $(REDISCLI_AUTH=legacy-Passw0rd-of-old redis-cli GET legacy:word 2>&1)"
echo "site $(curl -sS -H 'Host: legacy.test' http://127.0.0.1/ 2>&1)"
echo "proxied $(curl -sS -H 'Host: legacy.test' http://127.0.0.1/app/ 2>&1)"
echo "listener $(curl -sS http://127.0.0.1:8000/ 2>&1)"
