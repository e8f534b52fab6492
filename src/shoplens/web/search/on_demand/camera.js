/** The camera: a live view over the page, and a shutter. */

import { addStyle, button, h } from "../dom.js";
import { editorsStyle } from "../styles/editors.js";

const FLIP = "M4 12a8 8 0 0 1 14-5l2 2M20 4v5h-5M20 12a8 8 0 0 1-14 5l-2-2M4 20v-5h5";

/**
 * Let a shopper take a photo.
 * @param {import("../app.js").SearchApp} app
 * @returns {Promise<Blob | null>} a JPEG; null where the shopper closed the camera
 * @throws where there is no camera, or it is not allowed
 */
export async function takePhoto(app) {
  const say = (key) => app.texts.say(key);
  const video = h("video", { muted: true, playsInline: true, "aria-label": say("take") });
  let stream = null;
  const stop = () => stream?.getTracks().forEach((track) => track.stop());
  const open = async (facingMode) => {
    stop();
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode, width: { ideal: 1920 }, height: { ideal: 1440 } } });
    video.srcObject = stream;
    await video.play();
  };
  let facing = "environment";
  await open(facing);
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const hasSeveral = devices.filter((device) => device.kind === "videoinput").length > 1;
  return new Promise((resolve) => {
    let photo = null;
    const shutter = h("button.shutter", { type: "button", "aria-label": say("shutter"), title: say("shutter") });
    const flip = button(say("flip"), { glyph: FLIP, round: true, hidden: !hasSeveral });
    const dialog = h("dialog.modal.camera", { "aria-label": say("take") }, video,
      h("div.controls", {}, button(say("close"), { glyph: "close", round: true, onclick: () => dialog.close() }), shutter, hasSeveral ? flip : h("span")));
    shutter.addEventListener("click", async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      photo = await new Promise((ready) => canvas.toBlob(ready, "image/jpeg", 0.92));
      dialog.close();
    });
    flip.addEventListener("click", () => {
      facing = facing === "user" ? "environment" : "user";
      open(facing).catch(() => {});
    });
    dialog.addEventListener("close", () => {
      stop();
      dialog.remove();
      resolve(photo);
    });
    addStyle(app.root, editorsStyle);
    app.root.append(dialog);
    dialog.showModal();
    shutter.focus();
  });
}
