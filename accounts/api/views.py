"""The base of every endpoint that belongs to a tenant: who asks, in which tenant, and whether they may."""

import datetime as dt
import functools
import uuid
from typing import Any, ClassVar

import structlog
from django.core.exceptions import MultipleObjectsReturned, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils.functional import cached_property
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api import idempotency
from accounts.choices import Permission
from accounts.models import Environment, Tenant, User
from accounts.selectors import access
from core import clock
from core.actors import Actor
from core.api import problems, queries, selection, versions
from core.errors import DomainError, Invalid, NotFound, Unauthenticated
from core.reads import Read

TENANT_HEADER = "X-RunbookPilot-Tenant"
ENVIRONMENT_HEADER = "X-RunbookPilot-Environment"


_NAMED = Read(lambda tenant, slug: Environment.objects.filter(tenant_id=tenant, slug=slug))
_DEFAULT = Read(lambda tenant: Environment.objects.filter(tenant_id=tenant, is_default=True))


class NoSuchTenant(NotFound):
    """There is no such tenant, or not for you."""


class WhichTenant(Invalid):
    """You belong to several tenants: name one."""

    code = "which_tenant"


class WhichEnvironment(Invalid):
    """There is no such environment in this tenant."""

    code = "which_environment"


class GovernedViewSet(GenericViewSet[Any]):
    """Rows of the tenants in which the user holds the permission that the action needs.

    `permissions` names the permission of each action; an action without one is refused, and fails a test.
    A row of another tenant answers 404. A POST with an `Idempotency-Key` is answered once and repeated from memory.
    """

    permission_classes = [IsAuthenticated]
    permissions: ClassVar[dict[str, Permission]] = {}
    #: What a row must be readable with, where an action writes.
    read_permission: ClassVar[Permission] = Permission.VIEW_RECORDS
    #: What `?ordering=` may name: the public name and its column, which is never empty.
    ordering_fields: ClassVar[dict[str, str]] = {}
    #: What an action reads from the query besides the tenant, `fields`, filters and pages. What is not known is refused.
    asked_with: ClassVar[dict[str, tuple[queries.Parameter, ...]]] = {}
    #: The actions whose rows are those that the filters name.
    filtered: ClassVar[tuple[str, ...]] = ("list",)
    #: The actions by POST that only look, and may take long.
    checks: ClassVar[tuple[str, ...]] = ()
    #: Whether people edit it: then it is read with an ETag, and changed under If-Match where the caller sends one.
    is_configuration: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        structlog.contextvars.bind_contextvars(actor=str(request.user.pk), tenant=self.named_tenant() or None)
        if self.action and self.action not in self.permissions and self.action != "metadata":
            raise access.MayNot("This action has no rule, and what has no rule is refused.")
        if request.method == "POST" and self.action and not self.detail and isinstance(request.user, User):
            # Whoever may not do this in any tenant is told before the body is read; in which one is checked below.
            self._require_somewhere()
        queries.check(request, self)
        if self._is_conditional(request):
            self._require_seen(request)

    @property
    def user(self) -> User:
        """The person who asks; raises Unauthenticated where nobody is logged in."""
        user = self.request.user
        if not isinstance(user, User):
            raise Unauthenticated
        return user

    @property
    def actor(self) -> Actor:
        """The same, as services and the journal take it."""
        return self.user.actor()

    def now(self) -> dt.datetime:
        """The moment that services are given."""
        return clock.now()

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        rows = rows.visible_to(self.user, self.read_permission)
        named = self.named_tenant()
        if not named:
            return rows
        chosen = [tenant.pk for tenant in access.tenants_of(self.user) if named in (tenant.slug, str(tenant.pk))]
        return rows.filter(tenant_id__in=chosen)

    def page_of(self, *columns: str) -> list[dict[str, Any]]:
        """Return these columns of the rows of the page, `id` among them. What is asked for most has its statement ready."""
        if not self._asks_for_the_first():
            return list(self.paginate_queryset(self.filter_queryset(self.get_queryset().prefetch_related(None)).values(*columns)) or ())
        pages: Any = self.paginator

        def read(most: int) -> list[dict[str, Any]]:
            rows = _first(type(self), columns, most).all(user=self.user.pk)
            return [dict(zip(columns, row, strict=True)) for row in rows]

        return list(pages.first_page(read, self.request))

    def _asks_for_the_first(self) -> bool:
        """Return whether the first page is asked for, in its own order, of all that a person may see by their roles."""
        plain = self.request.query_params.keys() <= {"page_size", selection.PARAMETER} and not self.named_tenant()
        scopes = self.user.token_scopes
        bound = not self.user.is_superuser and (not scopes or self.read_permission in scopes)
        return plain and bound and type(self).get_queryset is GovernedViewSet.get_queryset

    def named_tenant(self) -> str:
        """Return the tenant that the request names by header or `?tenant=`; empty where it names none."""
        return str(self.request.headers.get(TENANT_HEADER) or self.request.query_params.get("tenant", ""))

    def get_object(self) -> Any:
        """Return the row of the address; 404 for another tenant's, 403 naming the rule where reading is not enough."""
        try:
            row = super().get_object()
        except (ValidationError, ValueError) as error:
            raise Http404 from error
        except MultipleObjectsReturned as error:
            raise WhichTenant(f"Several tenants have this: name one with {TENANT_HEADER}.") from error
        self.require_in(row.tenant_id)
        return row

    def require_in(self, tenant_id: uuid.UUID) -> None:
        """Raise where the user may not do this action in the tenant."""
        access.require(self.user, self.permissions[self.action or ""], tenant_id)

    def tenant_for_write(self) -> Tenant:
        """Return the tenant that is written to: the one named by header or `?tenant=`, or the only one."""
        named = self.named_tenant()
        standings = self._standings
        if named:
            standings = [one for one in standings if named in (one.tenant.slug, str(one.tenant.pk))]
        tenants = [one.tenant for one in standings]
        if len(tenants) == 1:
            if not standings[0].permitted:
                self.require_in(tenants[0].pk)
            return tenants[0]
        if named or not tenants:
            raise NoSuchTenant(NoSuchTenant.__doc__)
        raise WhichTenant(
            f"You belong to several tenants: name one with {TENANT_HEADER}.",
            fields={"tenants": [tenant.slug for tenant in tenants]},
        )

    @cached_property
    def _standings(self) -> list[access.Standing]:
        """The tenants of the user, read once: there is a view for each request."""
        return access.standings(self.user, self.permissions[self.action or ""])

    def _require_somewhere(self) -> None:
        # A permission may also stand in a tenant that they are no member of, or that is not active.
        if not any(one.permitted for one in self._standings):
            access.require_somewhere(self.user, self.permissions[self.action or ""])

    def environment_for_write(self, tenant: Tenant) -> Environment:
        """Return the environment that is written to: the one named by header or `?environment=`, or the tenant's default."""
        named = self.request.headers.get(ENVIRONMENT_HEADER) or self.request.query_params.get("environment", "")
        if not named:
            row = _DEFAULT.first(tenant=tenant.pk)
        else:
            # What cannot be printed is the name of nothing, and some of it no database can be asked for.
            row = _NAMED.first(tenant=tenant.pk, slug=named) if named.isprintable() else None
        if row is None:
            slugs = Environment.objects.filter(tenant=tenant).order_by("slug").values_list("slug", flat=True)
            raise WhichEnvironment(fields={"environments": list(slugs)})
        return row

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(idempotency.HEADER) if request.method == "POST" else None
        handle = self._handle_seen if self._is_conditional(request) else super().dispatch
        if key is None:
            return handle(request, *args, **kwargs)
        return idempotency.once(self, handle, request, key, args, kwargs)

    def _handle_seen(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        # What was compared stays locked until it is changed.
        with transaction.atomic():
            return super().dispatch(request, *args, **kwargs)

    def _is_conditional(self, request: Any) -> bool:
        one = self.is_configuration and self.detail is not False
        return one and request.method not in SAFE_METHODS and versions.IF_MATCH in request.headers

    def _require_seen(self, request: Request) -> None:
        """Raise Changed where the row is not what the caller saw."""
        url = {name: value for name, value in self.kwargs.items() if name == (self.lookup_url_kwarg or self.lookup_field)}
        if url:
            row = self.get_object()
            type(row)._default_manager.select_for_update().get(pk=row.pk)
        seen = self.retrieve(request, **url)  # type: ignore[attr-defined]
        versions.require(request.headers[versions.IF_MATCH], versions.etag(seen.data))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "GET" and response.status_code == 200 and isinstance(response, Response):
            response = self._chosen(request, self._tagged(request, response))
        return super().finalize_response(request, response, *args, **kwargs)

    def _tagged(self, request: Request, response: Response) -> Response:
        if not self.is_configuration or self.action != "retrieve":
            return response
        tag = versions.etag(response.data)
        if versions.names(request.headers.get(versions.IF_NONE_MATCH, ""), tag):
            response = Response(status=304)
        response["ETag"] = tag
        return response

    def _chosen(self, request: Request, response: Response) -> Response:
        try:
            response.data = selection.select(response.data, request.query_params.get(selection.PARAMETER, ""))
        except DomainError as error:
            return problems.of(error)
        return response

    def answer(self, body: Any, status: int = 200) -> Response:
        """Return a response with this body."""
        return Response(body, status=status)


@functools.cache
def _first(view: type[GovernedViewSet], columns: tuple[str, ...], most: int) -> Read[tuple[Any, ...]]:
    """Return the read of the first rows of a view, which depend on nothing but who asks."""
    pages: Any = view.pagination_class

    def build(user: Any) -> QuerySet[Any, Any]:
        rows: Any = view.queryset
        visible = rows.visible_to(Actor(kind="user", id="", name="", user_id=user), view.read_permission)
        return visible.prefetch_related(None).order_by(*pages.ordering).values_list(*columns)[:most]

    return Read(build)
