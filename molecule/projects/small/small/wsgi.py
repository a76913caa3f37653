# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
