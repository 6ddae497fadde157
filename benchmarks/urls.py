"""The project's addresses, and beside each measured list a bare view of the same table."""

from benchmarks import bare
from runbookpilot import urls

urlpatterns = [*urls.urlpatterns, *bare.urlpatterns]
