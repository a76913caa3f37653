"""Letters wait in the database, leave once, and a worker ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from smtplib import SMTPResponseException, SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from articles.models import Article, Comment
from articles.publication import publish_due
from outbox import delivery, queue
from outbox.models import LEASE, Mail
from tests.conftest import PROJECT


@pytest.fixture
def letter(db):
    return Mail.objects.create(to="reader@example.org", subject="Hello", body="World")


def test_a_letter_leaves_once(letter):
    call_command("send_outbox", "--once")
    call_command("send_outbox", "--once")
    [sent] = mail.outbox
    assert (sent.subject, sent.body, sent.to) == ("Hello", "World", ["reader@example.org"])
    assert sent.extra_headers["Message-ID"] == letter.message_id
    letter.refresh_from_db()
    assert letter.sent_at and letter.attempts == 1


def test_all_that_waits_leaves_in_batches(db, monkeypatch):
    monkeypatch.setattr(delivery, "BATCH", 2)
    for number in range(5):
        Mail.objects.create(to="reader@example.org", subject=str(number), body="-")
    call_command("send_outbox", "--once")
    assert sorted(sent.subject for sent in mail.outbox) == ["0", "1", "2", "3", "4"]


def test_a_refused_letter_is_tried_again_later_and_not_for_ever(letter, monkeypatch, settings):
    def refuse(self, *args, **kwargs):
        raise ConnectionRefusedError(111, "reader@example.org refused")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    settings.OUTBOX_ATTEMPTS = 3
    waits = []
    for _ in range(3):
        Mail.objects.update(next_try_at=timezone.now())
        assert delivery.deliver() == 1
        assert delivery.deliver() == 0  # not yet due again
        letter.refresh_from_db()
        waits.append(round((letter.next_try_at - timezone.now()).total_seconds() / 60))
    assert waits == [2, 4, 8]
    assert letter.given_up_at and letter.last_error == "ConnectionRefusedError"
    Mail.objects.update(next_try_at=timezone.now())
    assert delivery.deliver() == 0


def test_one_bad_letter_does_not_hold_up_the_next(letter, monkeypatch):
    Mail.objects.create(to="other@example.org", subject="Second", body="-")
    send = mail.EmailMessage.send

    def refuse_first(self, *args, **kwargs):
        if self.subject == "Hello":
            raise OSError("no")
        return send(self, *args, **kwargs)

    monkeypatch.setattr(mail.EmailMessage, "send", refuse_first)
    delivery.deliver()
    assert [sent.subject for sent in mail.outbox] == ["Second"]


class Server:
    """Speaks as `smtplib.SMTP` does, and does not like one of the letters."""

    made: list[Server] = []

    def __init__(self, *args, **kwargs):
        self.sent = []
        Server.made.append(self)

    def sendmail(self, sender, recipients, message):
        if b"Subject: 2" in message:
            raise SMTPServerDisconnected
        self.sent.append(recipients)

    def quit(self):
        raise SMTPResponseException(421, "no")  # a server may be rude to the end

    def close(self):
        pass


def test_a_batch_goes_over_one_connection_and_a_failure_makes_another(db, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    monkeypatch.setattr("smtplib.SMTP", Server)
    monkeypatch.setattr(Server, "made", [])
    for number in range(5):
        Mail.objects.create(to="reader@example.org", subject=str(number), body="-")
    assert delivery.deliver() == 5
    assert [len(server.sent) for server in Server.made] == [2, 2]
    assert Mail.objects.waiting().get().subject == "2"


def test_a_lease_lasts_as_long_as_its_letter_waits_for_its_turn(letter, monkeypatch):
    last = Mail.objects.create(to="other@example.org", subject="Last", body="-")
    start, send = timezone.now(), mail.EmailMessage.send

    def slowly(self, *args, **kwargs):
        monkeypatch.setattr(timezone, "now", lambda: start + LEASE * 0.9)
        return send(self, *args, **kwargs)

    monkeypatch.setattr(mail.EmailMessage, "send", slowly)
    note = Mail.note_success

    def look(self):
        if self == last:
            monkeypatch.setattr(timezone, "now", lambda: start + LEASE * 1.5)
            assert Mail.objects.claim(10) == []
        note(self)

    monkeypatch.setattr(Mail, "note_success", look)
    assert delivery.deliver() == 2
    assert len(mail.outbox) == 2


def test_a_letter_that_another_worker_has_taken_meanwhile_is_left_to_it(letter, monkeypatch):
    claim = type(Mail.objects.all()).claim

    def slowly(self, count):
        mine = claim(self, count)
        later = timezone.now() + LEASE
        monkeypatch.setattr(timezone, "now", lambda: later)
        assert claim(self, count) == mine
        return mine

    monkeypatch.setattr(type(Mail.objects.all()), "claim", slowly)
    delivery.deliver()
    assert mail.outbox == []
    letter.refresh_from_db()
    assert (letter.attempts, letter.sent_at) == (2, None)


def test_a_worker_that_is_told_to_stop_gives_the_rest_back(letter):
    Mail.objects.create(to="other@example.org", subject="Second", body="-")
    assert delivery.deliver(stopping=lambda: len(mail.outbox) == 1) == 1
    waiting = Mail.objects.waiting().get()
    assert (waiting.attempts, waiting.next_try_at <= timezone.now()) == (0, True)


def test_a_worker_that_died_leaves_its_letters_to_the_next(letter, monkeypatch):
    [claimed] = Mail.objects.claim(10)
    assert claimed == letter
    assert Mail.objects.claim(10) == []
    later = timezone.now() + LEASE
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert Mail.objects.claim(10) == [letter]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same_letter():
    for number in range(4):
        Mail.objects.create(to="reader@example.org", subject=str(number), body="-")

    def claim():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")  # waiting for the other worker would be an error
            return sorted(letter.subject for letter in Mail.objects.claim(10))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        mine = list(Mail.objects.waiting().order_by("pk").select_for_update()[:2])
        theirs = pool.submit(claim).result(timeout=20)
    assert [letter.subject for letter in mine] == ["0", "1"]
    assert theirs == ["2", "3"]


def start(command, tmp_path, **changes):
    database = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    environment = os.environ | {"DATABASE_URL": database, "EMAIL_URL": "console://"} | changes
    with (tmp_path / "out").open("w") as out, (tmp_path / "errors").open("w") as errors:
        return subprocess.Popen([sys.executable, "manage.py", *command], cwd=PROJECT, env=environment, stdout=out, stderr=errors)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_the_worker_goes_on_until_it_is_told_to_stop(tmp_path):
    queue("reader@example.org", "accounts/welcome_email.txt", {"user": "nobody"})
    worker = start(["send_outbox", "--every", "0.1"], tmp_path)
    try:
        wait_for(lambda: not Mail.objects.waiting().exists())
        queue("other@example.org", "accounts/welcome_email.txt", {"user": "nobody"})
        wait_for(lambda: not Mail.objects.waiting().exists())
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0
    finally:
        worker.kill()
    out, errors = (tmp_path / "out").read_text(), (tmp_path / "errors").read_text()
    assert "To: reader@example.org" in out and "To: other@example.org" in out
    assert "send_outbox: started" in errors and "send_outbox: stopped" in errors
    assert "example.org" not in errors  # addresses are nobody's business


@pytest.mark.django_db(transaction=True)
def test_the_worker_survives_a_database_that_goes_away(tmp_path):
    worker = start(["send_outbox", "--every", "0.1"], tmp_path)
    try:
        mine = f"pid <> pg_backend_pid() AND datname = '{connection.settings_dict['NAME']}'"
        with connection.cursor() as cursor:

            def there():
                cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {mine}")  # noqa: S608
                return cursor.fetchone()[0] > 0

            wait_for(there)
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")  # noqa: S608
        queue("reader@example.org", "accounts/welcome_email.txt", {"user": "nobody"})
        wait_for(lambda: not Mail.objects.waiting().exists())
        assert worker.poll() is None
        worker.send_signal(signal.SIGINT)
        assert worker.wait(timeout=10) == 0
    finally:
        worker.kill()


# --- Who gets which


def test_the_author_hears_of_a_comment(make_article, make_user, journalist):
    article = make_article("Tide & time")
    Comment.objects.create(article=article, author=make_user("reader"), body="Hear <b>hear</b>")
    Comment.objects.create(article=article, author=journalist, body="My own")
    letter = Mail.objects.get()
    assert (letter.to, letter.subject) == ("journalist@example.org", "A comment on “Tide & time”")
    assert "Hear <b>hear</b>" in letter.body
    assert "https://testserver/articles/tide-time/#comment-" in letter.body


def test_a_comment_is_saved_with_its_letter_or_not_at_all(as_user, api, make_article, make_user, monkeypatch):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr("articles.letters.queue", fail)
    article, reader = make_article(), make_user("reader")
    browser, program = as_user(reader), api(reader)
    browser.raise_request_exception = program.raise_request_exception = False
    assert browser.post(f"{article.get_absolute_url()}comments/", {"body": "Hear"}).status_code == 500
    assert program.post(f"/api/v1/articles/{article.slug}/comments/", {"body": "Hear"}).status_code == 500
    assert not Comment.objects.exists()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_title_of_two_lines_makes_a_subject_of_one(make_article, make_user, end):
    article = make_article(f"Tide{end}Bcc: evil@example.org")
    Comment.objects.create(article=article, author=make_user("reader"), body="Hear")
    letter = Mail.objects.get()
    assert letter.subject == "A comment on “Tide Bcc: evil@example.org”"
    assert letter.body.startswith("Hello journalist,")


def test_who_wants_no_letters_gets_none(make_article, make_user, journalist):
    journalist.mail_me = False
    journalist.save()
    Comment.objects.create(article=make_article(), author=make_user("reader"), body="Hear")
    journalist.mail_me, journalist.email = True, ""
    journalist.save()
    Comment.objects.create(article=Article.objects.get(), author=make_user("other"), body="Hear")
    assert not Mail.objects.exists()


def test_a_registration_that_is_rolled_back_sends_nothing(client, db, monkeypatch):
    def fail(user):
        raise RuntimeError

    monkeypatch.setattr("accounts.views.welcome", fail)
    client.raise_request_exception = False
    from accounts.models import User
    from tests.test_accounts import NEW

    assert client.post("/accounts/register/", NEW).status_code == 500
    assert not User.objects.exists() and not Mail.objects.exists()


# --- What the clock brings


def test_an_article_is_published_when_its_time_has_come(
    client, make_article, monkeypatch, settings, forget_cache, django_capture_on_commit_callbacks
):
    settings.PAGE_CACHE_SECONDS = 60
    time_to_come = timezone.now() + timedelta(hours=1)
    article = make_article("Tomorrow", published_at=time_to_come)
    draft = make_article("Draft", status="draft", published_at=time_to_come)
    assert article.status == "scheduled"
    assert publish_due() == []
    assert b"Tomorrow" not in client.get("/").content
    monkeypatch.setattr(timezone, "now", lambda: time_to_come + timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert publish_due() == [article]
    assert publish_due() == []
    article.refresh_from_db()
    draft.refresh_from_db()
    assert (article.status, article.published_at, draft.status) == ("published", time_to_come, "draft")
    assert b"Tomorrow" in client.get("/").content
    assert Mail.objects.get().subject == "“Tomorrow” is in the paper"


def test_moving_the_time_moves_the_article(make_article):
    article = make_article(published_at=timezone.now() + timedelta(hours=1))
    article.published_at = timezone.now() - timedelta(hours=1)
    article.save()
    assert article.status == "published"
    article.published_at = timezone.now() + timedelta(hours=1)
    article.save()
    assert article.status == "scheduled"


def test_a_schedule_wants_a_time(as_user, journalist, section):
    words = {"title": "T", "standfirst": "S", "body": "B", "section": section.pk, "status": "scheduled"}
    assert "published_at" in as_user(journalist).post("/desk/write/", words).context["form"].errors


def test_the_scheduler_tidies_up_and_publishes(db, make_article, capsys, forget_cache):
    article = make_article(published_at=timezone.now() + timedelta(hours=1))
    Article.objects.update(published_at=timezone.now() - timedelta(seconds=1))
    old = timezone.now() - timedelta(days=31)
    Mail.objects.create(to="a@example.org", subject="Old", body="-", sent_at=old)
    Mail.objects.create(to="a@example.org", subject="Waiting", body="-")
    call_command("run_scheduler", "--once")
    article.refresh_from_db()
    assert article.status == "published"
    assert set(Mail.objects.values_list("subject", flat=True)) == {"Waiting", "“Tide tables” is in the paper"}
    call_command("publish_scheduled")
    assert "0 articles published" in capsys.readouterr().out
