from __future__ import annotations

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm

from accounts.models import User


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
