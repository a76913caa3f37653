from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer, TokenVerifySerializer
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import UntypedToken
from rest_framework_simplejwt.utils import get_md5_hash_password


def _check_password_of(claims: dict[str, Any], user: Any) -> None:
    if claims.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
        raise AuthenticationFailed("The user's password has been changed.", "password_changed")


class RefreshSerializer(TokenRefreshSerializer):
    """A refresh token works once, even when two ask at the same moment, and only for the account and password it was given for."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        claims = self.token_class(attrs["refresh"]).payload
        with transaction.atomic():
            # Whoever comes second waits here, and then finds the token on the blacklist.
            known = OutstandingToken.objects.select_for_update().filter(jti=claims[api_settings.JTI_CLAIM]).first()
            if known is None:
                raise TokenError("Token is not known")
            user = get_user_model().objects.filter(pk=known.user_id).first()
            if user is None:
                raise AuthenticationFailed(self.error_messages["no_active_account"], "no_active_account")
            _check_password_of(claims, user)
            return super().validate(attrs)


class VerifySerializer(TokenVerifySerializer):
    """A token that would be refused where it is used is not verified here."""

    def validate(self, attrs: dict[str, Any]) -> dict[Any, Any]:
        answer = super().validate(attrs)
        claims = UntypedToken(attrs["token"]).payload
        user = get_user_model().objects.filter(pk=claims.get(api_settings.USER_ID_CLAIM), is_active=True).first()
        if user is None:
            raise AuthenticationFailed("No active account found for the given token.", "no_active_account")
        _check_password_of(claims, user)
        return answer
