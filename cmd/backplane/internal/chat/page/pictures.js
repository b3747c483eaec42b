"use strict";

// Pictures: chosen, pasted or dropped; scaled down if they are too large; sent as binary.

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MOST = 700_000; // bytes, also the server's limit

/** shrink returns the bytes of a picture, scaled down until they are few enough. */
async function shrink(file) {
  if (!PICTURES.includes(file.type)) throw new Error("that is no PNG, JPEG, GIF or WebP picture");
  if (file.size <= MOST) return file.arrayBuffer();
  const bitmap = await createImageBitmap(file).catch(() => { throw new Error("that picture cannot be read"); });
  for (let side = 1600; side >= 400; side /= 2) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const canvas = h("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    if (blob && blob.size <= MOST) return blob.arrayBuffer();
  }
  throw new Error("that picture is too large");
}

/** picture shows bytes that somebody sent. */
function picture({ data, from, type }) {
  const img = h("img", { alt: `picture from ${from}` });
  img.src = URL.createObjectURL(new Blob([data], { type: PICTURES.includes(type) ? type : PICTURES[0] }));
  img.addEventListener("error", () => img.replaceWith(h("p", { class: "text" }, "(a picture that cannot be shown)")));
  img.addEventListener("load", () => img.dispatchEvent(new CustomEvent("shown", { bubbles: true })));
  return h("figure", {}, img);
}

/** takePictures calls take with what is dropped on, pasted into or chosen on the page. */
function takePictures(take) {
  const chat = $("chat");
  const carries = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // dragenter and dragleave come for every element inside
  const over = (n) => chat.classList.toggle("dropping", (depth = n) > 0);
  chat.addEventListener("dragenter", (e) => carries(e) && over(depth + 1));
  chat.addEventListener("dragleave", (e) => carries(e) && over(Math.max(0, depth - 1)));
  for (const type of ["dragover", "drop"]) addEventListener(type, (e) => carries(e) && e.preventDefault());
  chat.addEventListener("drop", (e) => {
    over(0);
    if (e.dataTransfer.files[0]) take(e.dataTransfer.files[0]);
  });
  $("text").addEventListener("paste", (e) => {
    if (!e.clipboardData.files[0]) return;
    e.preventDefault();
    take(e.clipboardData.files[0]);
  });
  $("picture").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    if ($("file").files[0]) take($("file").files[0]);
    $("file").value = "";
  });
}
