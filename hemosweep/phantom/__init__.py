"""Procedural head CTs with hemorrhages: data for tests, demonstrations and forecasts, free of any patient."""
