# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all actions have in common that work on the controller alone."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Runs the same in check mode; only files of the controller's report directory are written.
    support: full
  diff_mode:
    description: Has no difference to show.
    support: none
"""
