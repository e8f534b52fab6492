"""A drawn thing to a photo: in a studio, or by a phone in a cluttered room."""
