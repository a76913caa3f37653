#!/usr/bin/env bash
# What lived on the server before: a cluster with a database that an application logs into by password, directly and through a pooler,
# a Redis that asks for a password and keeps values, a site of its own, a listener.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends postgresql pgbouncer redis-server nginx python3 curl >/dev/null
version="$(ls /etc/postgresql)"
cat >>"/etc/postgresql/$version/main/pg_hba.conf" <<'HBA'
host legacy legacy 127.0.0.1/32 scram-sha-256
HBA
echo "work_mem = '7MB'" >"/etc/postgresql/$version/main/conf.d/legacy.conf"
systemctl restart "postgresql@$version-main"
cd /
runuser -u postgres -- psql -qv ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE legacy LOGIN PASSWORD 'legacy-Passw0rd-of-old';
CREATE DATABASE legacy OWNER legacy;
\connect legacy
SET ROLE legacy;
CREATE TABLE parts (id int PRIMARY KEY, name text);
INSERT INTO parts SELECT n, 'part ' || n FROM generate_series(1, 1000) n;
SQL
cat >/etc/pgbouncer/pgbouncer.ini <<'INI'
[databases]
legacy = host=127.0.0.1 port=5432 dbname=legacy
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
pidfile = /run/postgresql/pgbouncer.pid
logfile = /var/log/postgresql/pgbouncer.log
INI
runuser -u postgres -- psql -XAtqc "SELECT format('\"%s\" \"%s\"', rolname, rolpassword) FROM pg_authid WHERE rolname = 'legacy'" >/etc/pgbouncer/userlist.txt
systemctl restart pgbouncer
sed -i 's/^# requirepass .*/requirepass legacy-Passw0rd-of-old/; s/^# maxmemory <bytes>/maxmemory 64mb/' /etc/redis/redis.conf
systemctl restart redis-server
for _ in $(seq 60); do REDISCLI_AUTH=legacy-Passw0rd-of-old redis-cli SET legacy:word remembered | grep -q OK && break || sleep 0.5; done
REDISCLI_AUTH=legacy-Passw0rd-of-old redis-cli SET legacy:page "$(head -c 600 /dev/urandom | base64 -w0)" >/dev/null
REDISCLI_AUTH=legacy-Passw0rd-of-old redis-cli SAVE >/dev/null
mkdir -p /var/www/legacy
echo 'the legacy site' >/var/www/legacy/index.html
cat >/etc/nginx/sites-available/legacy <<'NGINX'
server {
    listen 80;
    server_name legacy.test;
    root /var/www/legacy;
    location /app/ { proxy_pass http://127.0.0.1:8000/; }
}
NGINX
ln -s ../sites-available/legacy /etc/nginx/sites-enabled/legacy
systemctl reload nginx
mkdir -p /srv/legacy-app
echo 'the legacy application' >/srv/legacy-app/index.html
cat >/etc/systemd/system/legacy-app.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv/legacy-app 8000
DynamicUser=yes
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable -q --now legacy-app
for _ in $(seq 60); do curl -s -o /dev/null http://127.0.0.1:8000/ && break || sleep 0.5; done
# A user whose sudo asks, and one who has none.
echo 'ansible:sudo-Passw0rd-of-old' | chpasswd
echo 'ansible ALL=(ALL) ALL' >/etc/sudoers.d/ansible
