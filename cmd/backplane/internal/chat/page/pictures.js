"use strict";

// Pictures: chosen, pasted or dropped, made smaller if they are too large, and sent as binary data.

const PICTURE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MAX_PICTURE = 700_000; // bytes; the server has the same limit

/** shrink returns the bytes of a picture file. A file over the limit is scaled down until it fits. */
async function shrink(file) {
  if (!PICTURE_TYPES.includes(file.type)) throw new Error("Not sent: it is not a PNG, JPEG, GIF or WebP picture.");
  if (file.size <= MAX_PICTURE) return file.arrayBuffer();
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) throw new Error("Not sent: the picture cannot be read.");
  for (let side = 1600; side >= 400; side /= 2) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const canvas = h("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    if (blob && blob.size <= MAX_PICTURE) return blob.arrayBuffer();
  }
  throw new Error("Not sent: the picture is too large.");
}

/** picture returns an element that shows a picture from its bytes. */
function picture({ data, from, type }) {
  const img = h("img", { alt: `picture from ${from}` });
  img.src = URL.createObjectURL(new Blob([data], { type: PICTURE_TYPES.includes(type) ? type : PICTURE_TYPES[0] }));
  img.addEventListener("error", () => img.replaceWith(h("p", { class: "text" }, "(a picture that cannot be shown)")));
  return h("figure", {}, img);
}

/** acceptPictures calls accept with each file that is dropped on, pasted into or chosen on the page. */
function acceptPictures(accept) {
  const chat = $("chat");
  const hasFiles = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // dragenter and dragleave fire for every element inside the chat
  const setDepth = (n) => chat.classList.toggle("dropping", (depth = n) > 0);
  chat.addEventListener("dragenter", (e) => hasFiles(e) && setDepth(depth + 1));
  chat.addEventListener("dragleave", (e) => hasFiles(e) && setDepth(Math.max(0, depth - 1)));
  for (const type of ["dragover", "drop"]) addEventListener(type, (e) => hasFiles(e) && e.preventDefault());
  chat.addEventListener("drop", (e) => {
    setDepth(0);
    if (e.dataTransfer.files[0]) accept(e.dataTransfer.files[0]);
  });
  $("text").addEventListener("paste", (e) => {
    if (!e.clipboardData.files[0]) return;
    e.preventDefault();
    accept(e.clipboardData.files[0]);
  });
  $("picture").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    if ($("file").files[0]) accept($("file").files[0]);
    $("file").value = "";
  });
}
