# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a release of a project is run, shared by the modules that run it."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  release:
    description: The directory of a built release, with C(source) and C(venv) in it.
    type: path
    required: true
  user:
    description: The unprivileged user that runs the project's code.
    type: str
    required: true
  environment_files:
    description: Environment files to start from, as systemd reads them. All values in them count as secret.
    type: list
    elements: path
    default: []
  variables:
    description: Variables of the environment that are no secret.
    type: dict
    default: {}
  secrets:
    description: Variables of the environment that are masked in everything the module says.
    type: dict
    default: {}
  overlay:
    description:
      - Files by name of a settings overlay to run the project with, C(prodready_settings.py) among them. They are laid aside for the run
        and removed after it.
    type: dict
    default: {}
  patience:
    description: How many seconds to wait for another deployment of the same app.
    type: int
    default: 600
"""
