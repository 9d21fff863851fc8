"""The same object in several clusters, compared by what it means."""
