# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project of one page, which says from which commit it is; the forge commits another EDITION each time."""

EDITION = "none"
