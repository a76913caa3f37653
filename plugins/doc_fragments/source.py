# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an app is deployed from, shared by the actions that identify and build it."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  source:
    description: Where the project comes from.
    type: dict
    required: true
    suboptions:
      type:
        description:
          - A directory of the controller, an archive on the controller, a git repository the controller may read, or a package of an index.
        type: str
        choices: [tree, archive, git, package]
        required: true
      path:
        description: The directory or archive.
        type: str
      repository:
        description: The URL of the git repository, without credentials.
        type: str
      version:
        description: The branch, tag or full commit to deploy, or the version of the package.
        type: str
        default: HEAD
      project_path:
        description: The directory that the project's packages are imported from.
        type: str
        default: "."
      exclude:
        description: Patterns of files not to deploy, beside those that never are.
        type: list
        elements: str
        default: []
      known_hosts:
        description: A file of the controller with the host keys of the git server, for SSH.
        type: str
        default: ""
      name:
        description: The distribution's name on the package index, for a package.
        type: str
      index_url:
        description: An index to ask before the usual one, without credentials, for a package.
        type: str
        default: ""
      files:
        description: Files of the controller put into the project's directory, by their path there, for a package.
        type: dict
        default: {}
  requirements:
    description: The file to install dependencies from, or V(auto).
    type: str
    default: auto
  require_hashes:
    description: Whether a requirements file must have a hash for everything.
    type: bool
    default: true
  gunicorn_version:
    description: The version of gunicorn to add; empty leaves it to the project.
    type: str
    default: ""
  psycopg_version:
    description: The version of psycopg to add; empty leaves it to the project.
    type: str
    default: ""
"""
