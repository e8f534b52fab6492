/** The camera of the device, in a video element. */

export class Camera {
  /** @param {HTMLVideoElement} video shows what the camera sees */
  constructor(video) {
    this.video = video;
    this.stream = null;
  }

  /** Open the camera; fails where there is none, or where it is not allowed. */
  async open() {
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    this.video.srcObject = this.stream;
  }

  play() {
    return this.video.play();
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }

  /** Return what the camera sees now, as a JPEG. */
  takePhoto() {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: this.video.videoWidth, height: this.video.videoHeight });
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  }
}
