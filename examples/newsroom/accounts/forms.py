from __future__ import annotations

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm, PasswordResetForm

from accounts.models import User
from outbox import queue


class RegistrationForm(BaseUserCreationForm):
    class Meta:
        model = User
        fields = ["username", "email", "display_name"]
        widgets = {"email": forms.EmailInput(attrs={"autocomplete": "email"})}

    def clean_username(self) -> str:
        username = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError("This name is taken; choose another.")
        return username


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["display_name", "email", "bio", "mail_me"]
        widgets = {"bio": forms.Textarea(attrs={"rows": 3})}

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        if commit:
            user.save(update_fields=self.changed_data)
        return user


class ResetForm(PasswordResetForm):
    """The letter waits in the outbox like any other, and its link leads to `SITE_URL`, not to the host that was asked."""

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, object],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        queue(to_email, email_template_name, context)
