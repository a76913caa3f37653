#!/usr/bin/env bash
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# In the sandbox pictures are made smaller and lose what a camera tells, and mail leaves. DOMAIN and PASSWORD of the editor are set before it.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q --no-install-recommends python3-aiosmtpd >/dev/null
systemd-run --quiet --unit=smtp-sink --setenv=PYTHONUNBUFFERED=1 python3 -m aiosmtpd -n -l 127.0.0.1:25
for _ in $(seq 60); do [ -n "$(ss -Htln 'sport = :25')" ] && break || sleep 0.5; done
ask() { curl -sk --resolve "$DOMAIN:443:127.0.0.1" "$@"; }
site="https://$DOMAIN/api/v1"
/srv/newsroom/current/venv/bin/python - <<'PYTHON'
from PIL import Image

picture, exif = Image.effect_noise((2000, 1200), 64).convert("RGB"), Image.Exif()
exif[0x010F] = "a camera that tells"
picture.save("/run/cover.jpg", exif=exif)
PYTHON
said() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }
token="$(ask -H 'Content-Type: application/json' -d "{\"username\": \"editor\", \"password\": \"$PASSWORD\"}" "$site/token/" | said access)"
section="$(ask "$site/sections/" | python3 -c 'import json, sys; found = json.load(sys.stdin); print((found["results"] if isinstance(found, dict) else found)[0]["slug"])')"
ask -H "Authorization: Bearer $token" -F "title=A picture $$" -F standfirst=words -F body=words -F "section=$section" -F status=published \
  -F "cover=@/run/cover.jpg;type=image/jpeg" -F "cover_alt=noise" "$site/articles/" >/run/article.json
kept="/srv/newsroom/media/$(python3 -c 'import json; print(json.load(open("/run/article.json"))["cover"].split("/media/")[1])')"
echo "widths $(ls "${kept%.jpg}"* | wc -l)"
grep -qaF 'a camera that tells' /run/cover.jpg && ! grep -qaF 'a camera that tells' "${kept%.jpg}"* && echo "exif gone"
who="reader$$@example.org"
ask -o /dev/null -w 'registered %{http_code}\n' -H 'Content-Type: application/json' \
  -d "{\"username\": \"reader$$\", \"email\": \"$who\", \"password\": \"a long enough Passw0rd\"}" "$site/register/"
for _ in $(seq 60); do journalctl -u smtp-sink --no-pager -o cat | grep -qF "To: $who" && echo "mail delivered" && break || sleep 0.5; done
