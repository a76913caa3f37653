"""The schema says what the API does: written down completely, and true."""

from __future__ import annotations

import os

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis.specs.openapi import checks

from articles.models import Comment
from newsroom.wsgi import application

# Drawn up at collection, to name one test for each operation.
SCHEMA = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = [(path, method) for path, methods in SCHEMA["paths"].items() for method in methods]
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def test_the_schema_is_served_to_everybody(api, db):
    response = api().get("/api/schema/")
    assert response.status_code == 200
    served = yaml.safe_load(response.content)
    assert served["openapi"].startswith("3.")
    assert set(served["paths"]) == set(SCHEMA["paths"])


def test_the_schema_is_complete():
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_says_how_it_may_fail(path, method):
    answers = set(SCHEMA["paths"][path][method]["responses"])
    assert {"401", "429"} <= answers
    assert any(status.startswith("2") for status in answers)
    if method in {"post", "put", "patch"} and not path.endswith(("/hide/", "/show/")):
        assert {"400", "415"} <= answers
    if "{" in path:
        assert "404" in answers


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_answers_as_the_schema_says(paper_for_schema, path, method):
    operation = schemathesis.openapi.from_dict(SCHEMA)[path][method.upper()]
    headers, known = paper_for_schema

    @hypothesis_settings(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None, database=None)
    @given(data=st.data())
    def ask(data):
        case = data.draw(operation.as_strategy())
        # Half of the time something that exists, so that more than 404 is seen.
        if case.path_parameters and data.draw(st.booleans()):
            case.path_parameters = {name: known.get(name, value) for name, value in case.path_parameters.items()}
        response = case.call(app=application, headers=headers, base_url="https://testserver")
        case.validate_response(response, checks=CHECKS)

    ask()


@pytest.fixture
def paper_for_schema(make_article, make_user, forget_cache):
    # As Django's own test client does: a request's end must not close the connection that holds the test's transaction.
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield _paper(make_article, make_user)
    for signal in signals:
        signal.connect(close_old_connections)


def _paper(make_article, make_user):
    editor = make_user("editor", editor=True)
    article = make_article("Tide")
    comment = Comment.objects.create(article=article, author=editor, body="Hm")
    headers = {"Authorization": f"Bearer {AccessToken.for_user(editor)}", "X-Forwarded-Proto": "https", "Host": "testserver"}
    return headers, {"slug": article.slug, "id": comment.pk}
