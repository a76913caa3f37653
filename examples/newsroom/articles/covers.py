"""Cover images: believe the pixels, not the name or the type a browser claims."""

from __future__ import annotations

import io
import uuid
import warnings

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_WIDTH = 1600


def cover_path(article: object, filename: str) -> str:
    """Where a cover is kept: nothing of the uploader's file name survives."""
    return f"covers/{uuid.uuid4().hex}.jpg"


def reencode(upload: UploadedFile) -> ContentFile:
    """The picture alone, as a JPEG no wider than the page: without metadata, location or stowaways."""
    if upload.size > settings.COVER_MAX_BYTES:
        megabytes = settings.COVER_MAX_BYTES // (1024 * 1024)
        raise ValidationError(f"This file is too big: {upload.size / 1024 / 1024:.1f} MB, at most {megabytes} MB.", code="too_big")
    try:
        with warnings.catch_warnings():
            # Pillow only warns about moderately large bombs; the limit below is ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            upload.seek(0)
            image = Image.open(upload, formats=FORMATS)
            if image.width * image.height > settings.COVER_MAX_PIXELS:
                raise ValidationError(
                    f"This image is too large: {image.width} × {image.height} pixels, at most "
                    f"{settings.COVER_MAX_PIXELS // 1_000_000} million.",
                    code="too_many_pixels",
                )
            image = ImageOps.exif_transpose(image)
            if image.mode in {"RGBA", "LA", "PA", "P"}:
                rgba = image.convert("RGBA")
                image = Image.new("RGBA", rgba.size, "white")
                image.alpha_composite(rgba)
            image = image.convert("RGB")
            if image.width > MAX_WIDTH:
                image = image.resize((MAX_WIDTH, max(1, image.height * MAX_WIDTH // image.width)), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            image.save(out, "JPEG", quality=84, optimize=True, progressive=True)
    except ValidationError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ValidationError("This is not a picture we can read. Upload a JPEG, PNG or WebP file.", code="not_an_image") from error
    return ContentFile(out.getvalue(), name="cover.jpg")


class CoverField(forms.FileField):
    widget = forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})

    def to_python(self, data: UploadedFile | None) -> ContentFile | None:
        upload = super().to_python(data)
        return reencode(upload) if upload else None
