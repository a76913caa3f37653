from django.contrib.auth import views as auth
from django.urls import path, reverse_lazy

from accounts import views
from accounts.forms import ResetForm

app_name = "accounts"
urlpatterns = [
    path("register/", views.Register.as_view(), name="register"),
    path("login/", auth.LoginView.as_view(template_name="accounts/login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("profile/", views.Profile.as_view(), name="profile"),
    path(
        "password/change/",
        auth.PasswordChangeView.as_view(
            template_name="accounts/form.html",
            success_url=reverse_lazy("accounts:profile"),
            extra_context={"heading": "Change your password", "action": "Change password"},
        ),
        name="password_change",
    ),
    path(
        "password/reset/",
        auth.PasswordResetView.as_view(
            template_name="accounts/form.html",
            form_class=ResetForm,
            email_template_name="accounts/password_reset_email.txt",
            success_url=reverse_lazy("accounts:password_reset_done"),
            extra_context={
                "heading": "Forgotten your password?",
                "lede": "Tell us your email address and we will send you a link to choose a new one.",
                "action": "Send the link",
            },
        ),
        name="password_reset",
    ),
    path(
        "password/reset/sent/",
        auth.PasswordResetDoneView.as_view(
            template_name="accounts/notice.html",
            extra_context={
                "heading": "Look in your mailbox",
                "lede": "If an account belongs to that address, a link is on its way to it.",
            },
        ),
        name="password_reset_done",
    ),
    path(
        "password/reset/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(
            template_name="accounts/password_reset_confirm.html",
            success_url=reverse_lazy("accounts:password_reset_complete"),
        ),
        name="password_reset_confirm",
    ),
    path(
        "password/reset/complete/",
        auth.PasswordResetCompleteView.as_view(
            template_name="accounts/notice.html",
            extra_context={"heading": "Your password is changed", "lede": "You can log in with it now."},
        ),
        name="password_reset_complete",
    ),
]
