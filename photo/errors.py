"""The verdicts on a photo: a stable code and a sentence that says what to do."""

from __future__ import annotations

from bus.runtime.errors import PermanentError


class PhotoError(PermanentError):
    """The bytes are not a photo that can be used; the user has to send another one."""

    code = "unsupported_media_type"


class PhotoUnsupportedError(PhotoError):
    """No photo at all, or a whole photo of a kind that is not read: raw, animated, 12 bits, ..."""


class PhotoTruncatedError(PhotoError):
    """The file ends before the photo does."""

    code = "photo_truncated"


class PhotoDamagedError(PhotoTruncatedError):
    """The file is long enough, but its data contradict themselves: part of them is lost or overwritten."""


class PhotoEmptyError(PhotoError):
    """There are no bytes."""

    code = "photo_empty"


class PhotoTooSmallError(PhotoError):
    """A side is shorter than `bus.contract.limits.MIN_PHOTO_SIDE`."""

    code = "photo_too_small"


class PhotoTooManyPixelsError(PhotoError):
    """More pixels than `bus.contract.limits.MAX_PHOTO_PIXELS`, or more memory than decoding may take."""

    code = "photo_too_many_pixels"


class PhotoTooLargeError(PhotoError):
    """More bytes than `bus.contract.limits.MAX_PHOTO_BYTES`."""

    code = "photo_too_large"


class FocalLengthError(PermanentError):
    """The caller states a focal length that no lens has."""

    code = "focal_length_invalid"


ACCEPTED = "JPEG, PNG, WebP, HEIC/HEIF, AVIF or TIFF"


def short(where: str = "") -> PhotoTruncatedError:
    """Return the error of a file that ends too early; ``where``: within which part."""
    part = f" within its {where}" if where else ""
    return PhotoTruncatedError(f"The photo's file ends too early{part}; send the whole file again.")


def damaged(what: str) -> PhotoDamagedError:
    """Return the error of a file whose data are wrong; ``what`` completes "The photo is damaged: "."""
    return PhotoDamagedError(f"The photo is damaged: {what}. Send the whole file again, or another copy.")


def unsupported(kind: str, instead: str = "Save it as JPEG or PNG") -> PhotoUnsupportedError:
    """Return the error of a whole photo of an unread kind."""
    return PhotoUnsupportedError(f"{kind} is not read. {instead}, and send that.")


def not_a_photo() -> PhotoUnsupportedError:
    """Return the error of bytes that begin like no photo."""
    return PhotoUnsupportedError(
        f"The file is not a photo that can be read, whatever its name says. Send {ACCEPTED}."
    )
