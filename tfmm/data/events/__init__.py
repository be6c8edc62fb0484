"""Events: as they were written, as pairs of shoppers and items, and their parts."""

from tfmm.data.events.event_log import Events

__all__ = ["Events"]
