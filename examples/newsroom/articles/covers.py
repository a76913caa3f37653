"""Cover images: believe the pixels, not the name or the type a browser claims."""

from __future__ import annotations

import io
import uuid
import warnings

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import ImageField
from django.db.models.fields.files import ImageFieldFile
from PIL import ExifTags, Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_WIDTH = 1600
MAX_HEIGHT = 2400
WIDTHS = (480, 960)  # beside the full one; a page offers them all, and the browser takes what fits


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
            _check_pixels(image)
            image = ImageOps.exif_transpose(_shrink(image))
            if image.mode == "RGBA":
                rgba = image
                image = Image.new("RGBA", rgba.size, "white")
                image.alpha_composite(rgba)
            content = _jpeg(image.convert("RGB"), MAX_WIDTH, MAX_HEIGHT)
    except ValidationError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ValidationError("This is not a picture we can read. Upload a JPEG, PNG or WebP file.", code="not_an_image") from error
    return ContentFile(content, name="cover.jpg")


def _check_pixels(image: Image.Image) -> None:
    """A baseline JPEG can be read smaller than it is; anything else stands in memory as a whole, several times."""
    in_steps = isinstance(image, JpegImageFile) and not image.info.get("progressive")
    limit = settings.COVER_MAX_PIXELS if in_steps else settings.COVER_MAX_PIXELS_WHOLE
    if image.width * image.height > limit:
        raise ValidationError(
            f"This image is too large: {image.width} × {image.height} pixels, at most {limit // 1_000_000} million"
            f"{'' if in_steps else ' unless it is a plain JPEG'}.",
            code="too_many_pixels",
        )


def _shrink(image: Image.Image) -> Image.Image:
    """Small before anything else is done with it, and with an alpha channel or without."""
    lies = image.getexif().get(ExifTags.Base.Orientation, 1) in {5, 6, 7, 8}
    box = (MAX_HEIGHT, MAX_WIDTH) if lies else (MAX_WIDTH, MAX_HEIGHT)
    scale = min(1.0, box[0] / image.width, box[1] / image.height)
    image.draft(None, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))
    if image.mode in {"LA", "PA", "P"}:
        image = image.convert("RGBA")
    elif image.mode not in {"RGB", "RGBA"}:
        image = image.convert("RGB")
    image.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=None)
    return image


def _jpeg(image: Image.Image, width: int, height: int) -> bytes:
    """The pixels alone, no larger than that."""
    image.info = {}  # Pillow would write a comment again
    scale = min(1.0, width / image.width, height / image.height)
    if scale < 1:
        image = image.resize((max(1, int(image.width * scale)), max(1, int(image.height * scale))), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=84, optimize=True, progressive=True)
    return out.getvalue()


def derivative_name(name: str, width: int) -> str:
    return f"{name.removesuffix('.jpg')}-{width}.jpg"


def derive(storage: Storage, name: str) -> list[int]:
    """Make the smaller pictures of a kept cover; a cover has those narrower than itself."""
    made = []
    with storage.open(name) as file, Image.open(file, formats=FORMATS) as image:
        for width in (width for width in WIDTHS if width < image.width):
            smaller = derivative_name(name, width)
            if not storage.exists(smaller):
                storage.save(smaller, ContentFile(_jpeg(image.convert("RGB"), width, MAX_HEIGHT)))
            made.append(width)
    return made


def delete_files(storage: Storage, name: str) -> None:
    for file in (name, *(derivative_name(name, width) for width in WIDTHS)):
        storage.delete(file)


def srcset(article: object) -> str:
    """The cover in all its widths, as `srcset` wants them; empty when there is but one."""
    if not article.cover or not article.cover_widths:
        return ""
    storage, name = article.cover.storage, article.cover.name
    found = [f"{storage.url(derivative_name(name, width))} {width}w" for width in article.cover_widths]
    return ", ".join([*found, f"{article.cover.url} {article.cover_width}w"])


class CoverFile(ImageFieldFile):
    def save(self, name: str, content: File, save: bool = True) -> None:
        super().save(name, content, save=False)
        # Of the kept file: what was given may be read to its end, and then has no size. Without one every list would open the file.
        self.field.update_dimension_fields(self.instance, force=True)
        self.instance.cover_widths = derive(self.storage, self.name)
        if save:
            self.instance.save()


class CoverImageField(ImageField):
    """An image that comes with its derivatives; `cover_widths` must stand after it, to be saved with it."""

    attr_class = CoverFile


class CoverField(forms.FileField):
    widget = forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})

    def to_python(self, data: UploadedFile | None) -> ContentFile | None:
        upload = super().to_python(data)
        return reencode(upload) if upload else None
