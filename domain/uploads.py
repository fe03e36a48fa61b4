"""Bodies that are sent ahead of the prompts that will name them."""

from msgspec import UNSET

from contracts.requests import UploadBlob
from contracts.views import BlobUploaded
from domain.errors import UploadTooLarge
from domain.ids import make_id
from domain.ports import Clock, EventLog, Upload


class Uploads:
    """Each has at most *most_bytes*, all of a day together *room_bytes*."""

    def __init__(self, *, log: EventLog, clock: Clock, most_bytes: int, room_bytes: int) -> None:
        self._log = log
        self._clock = clock
        self._most_bytes = most_bytes
        self._room_bytes = room_bytes

    async def keep(self, request: UploadBlob) -> BlobUploaded:
        """Keep a body for a day. Raises UploadTooLarge, UploadsFull, LogFull."""
        if len(request.data) > self._most_bytes:
            raise UploadTooLarge(
                f"The body has {len(request.data)} bytes; the limit is {self._most_bytes}.", member="$.data"
            )
        upload = Upload(
            blob_id=make_id(),
            made_at=self._clock.now(),
            name="" if request.name is UNSET else request.name,
            media_type="" if request.media_type is UNSET else request.media_type,
            data=request.data,
        )
        await self._log.keep_upload(upload, most_bytes=self._room_bytes)
        return BlobUploaded(blob_id=upload.blob_id, bytes=len(upload.data))
