"""`Authorization: Token …`."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.services import tokens
from core import clock


class TokenAuthentication(BaseAuthentication):
    """Finds the owner of a token by its hash."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if not words or words[0].lower() != "token":
            return None
        token = tokens.find(words[1], now=clock.now()) if len(words) == 2 else None
        if token is None:
            raise AuthenticationFailed("This token is not valid: it is unknown, expired or revoked.")
        token.user.token_scopes = tuple(token.scopes)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the token is described in the API's schema."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token rbp_…`"}
