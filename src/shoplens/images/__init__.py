"""Products' photos: fetched, kept, decoded upright, cropped."""

from shoplens.images.decode import decoded, photo_size
from shoplens.images.photo_cache import PhotoCache
from shoplens.images.picture import Picture, cropped
from shoplens.images.source import PhotoSource

__all__ = ["PhotoCache", "PhotoSource", "Picture", "cropped", "decoded", "photo_size"]
