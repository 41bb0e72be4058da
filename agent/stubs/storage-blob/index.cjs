"use strict";
// azure-iot-device requires this lazily, in uploadToBlob() only. Boardkeeper never uploads files through the SDK.
throw new Error(
  "File upload through the Azure device SDK is not part of Boardkeeper: @azure/storage-blob is left out.",
);
