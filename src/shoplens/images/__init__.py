"""Products' photos: fetched, kept, decoded upright, cropped."""

from shoplens.images.decode import decode_photo, photo_size
from shoplens.images.photo_cache import PhotoCache
from shoplens.images.picture import Picture, crop_pixels
from shoplens.images.source import PhotoSource

__all__ = ["PhotoCache", "PhotoSource", "Picture", "crop_pixels", "decode_photo", "photo_size"]
