#!/usr/bin/env bash
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Where a private project comes from: git over https with a token and over SSH with a deploy key, and a package index that wants a password.
# Standard input is a tar archive of `small`; ADDRESS, TOKEN and KEY (the public part of the deploy key) are set before it.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q --no-install-recommends fcgiwrap git nginx openssh-server >/dev/null
forge=/srv/forge
mkdir -p "$forge/work" "$forge/git" "$forge/simple/badge" "$forge/simple/rough"
echo "$ADDRESS cache.test" >>/etc/hosts
echo "127.0.0.1 forge.test small.test" >>/etc/hosts

# An authority that the runs bring along (host_extra_ca_certificates); Redis gets the same certificate. Two for the app, to be provided one after the other.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=forge authority' -keyout "$forge/ca.key" -out "$forge/ca.pem" 2>/dev/null
issue() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$forge/$1.key" -out "$forge/request.pem" 2>/dev/null
  openssl x509 -req -in "$forge/request.pem" -CA "$forge/ca.pem" -CAkey "$forge/ca.key" -days 90 -out "$forge/$1.pem" -extfile <(echo "subjectAltName=$2") 2>/dev/null
}
issue forge "DNS:forge.test,DNS:cache.test,IP:$ADDRESS"
issue small-1 DNS:small.test
issue small-2 DNS:small.test

# The project, an edition for each name that is asked for.
tar -xzf - -C "$forge/work"
cd "$forge/work/small"
git config --system safe.directory '*'
git config --system user.name forge
git config --system user.email forge@forge.test
git init -q -b main
edition() {
  sed -i "s/^EDITION = .*/EDITION = \"$1\"/" small/__init__.py
  git add -A
  git commit -q -m "$1"
}
edition tagged
git tag -a -m 'the first' v1
edition branched
git branch next
edition committed
git rev-parse HEAD >"$forge/committed"
git checkout -q next
git clone -q --bare . "$forge/git/small.git"
git -C "$forge/git/small.git" config uploadpack.allowAnySHA1InWant true

# A package as a wheel, and one that has none.
python3 - "$forge/simple" <<'PYTHON'
import hashlib, io, sys, tarfile, zipfile
from pathlib import Path

simple = Path(sys.argv[1])

def publish(name, file, data):
    (simple / name / file).write_bytes(data)
    (simple / name / "index.html").write_text(f'<!DOCTYPE html><a href="{file}#sha256={hashlib.sha256(data).hexdigest()}">{file}</a>')

wheel = io.BytesIO()
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("badge.py", 'COLOUR = "blue"\n')
    archive.writestr("badge-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: badge\nVersion: 1\n")
    archive.writestr("badge-1.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: forge\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    archive.writestr("badge-1.dist-info/RECORD", "badge.py,,\nbadge-1.dist-info/METADATA,,\nbadge-1.dist-info/WHEEL,,\nbadge-1.dist-info/RECORD,,\n")
publish("badge", "badge-1-py3-none-any.whl", wheel.getvalue())

rough = io.BytesIO()
with tarfile.open(fileobj=rough, mode="w:gz") as archive:
    for path, text in {
        "rough-1/PKG-INFO": "Metadata-Version: 2.2\nName: rough\nVersion: 1\n",
        "rough-1/pyproject.toml": '[project]\nname = "rough"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
        "rough-1/rough.py": "",
    }.items():
        member = tarfile.TarInfo(path)
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
publish("rough", "rough-1.tar.gz", rough.getvalue())
PYTHON

# An nginx of its own serves both, for those who know the token.
printf 'reader:%s\n' "$(openssl passwd -apr1 "$TOKEN")" >"$forge/users"
cat >"$forge/nginx.conf" <<'NGINX'
user www-data;
pid /run/forge.pid;
error_log /srv/forge/error.log;
events {}
http {
    access_log off;
    server {
        listen 8443 ssl;
        ssl_certificate /srv/forge/forge.pem;
        ssl_certificate_key /srv/forge/forge.key;
        auth_basic forge;
        auth_basic_user_file /srv/forge/users;
        location /simple/ { root /srv/forge; types { text/html html; } default_type application/octet-stream; index index.html; }
        location /git/ {
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT /srv/forge;
            fastcgi_param GIT_HTTP_EXPORT_ALL "";
            fastcgi_param PATH_INFO $uri;
            fastcgi_param REMOTE_USER $remote_user;
            fastcgi_pass unix:/run/fcgiwrap.socket;
        }
    }
}
NGINX
systemctl enable -q --now fcgiwrap.socket
systemd-run --quiet --unit=forge --service-type=forking --property=PIDFile=/run/forge.pid nginx -c "$forge/nginx.conf"

# Git by SSH, for who has the deploy key and for nothing but reading.
useradd --system --create-home --shell /usr/bin/git-shell git
install -d -o git -g git -m 0700 ~git/.ssh
echo "restrict $KEY" >~git/.ssh/authorized_keys
systemctl enable -q --now ssh
echo "$ADDRESS $(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)" >"$forge/known_hosts"
