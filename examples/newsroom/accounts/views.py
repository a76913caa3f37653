from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import CreateView, UpdateView

from accounts.forms import ProfileForm, RegistrationForm
from accounts.letters import welcome
from accounts.models import User
from api.throttling import CountedForm, RegisterThrottle


@method_decorator([sensitive_post_parameters("password1", "password2"), never_cache], name="dispatch")
class Register(CountedForm, CreateView):
    throttle = RegisterThrottle
    form_class = RegistrationForm
    template_name = "accounts/register.html"
    success_url = reverse_lazy("articles:home")

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect(self.success_url)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: RegistrationForm) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            welcome(self.object)
        login(self.request, self.object)
        messages.success(self.request, f"Welcome, {self.object.byline}. You can join the conversation now.")
        return response


@method_decorator(never_cache, name="dispatch")
class Profile(LoginRequiredMixin, UpdateView):
    form_class = ProfileForm
    template_name = "accounts/profile.html"
    success_url = reverse_lazy("accounts:profile")

    def get_object(self, queryset: object = None) -> User:
        # A copy of its own: a refused form must not change the name shown in the page's head.
        return User.objects.get(pk=self.request.user.pk)

    def form_valid(self, form: ProfileForm) -> HttpResponse:
        messages.success(self.request, "Your profile is saved.")
        return super().form_valid(form)
