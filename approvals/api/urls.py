"""The addresses of approvals."""

from approvals.api.views import ApprovalViewSet

routes = [("approvals", ApprovalViewSet, "approval")]
