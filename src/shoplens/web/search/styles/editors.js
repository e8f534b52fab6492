/** What lies over the whole page: the camera, and the editor of the part of a photo. */

export const editorsStyle = `
.modal { width: min(960px, 100vw); max-width: none; height: min(760px, 100dvh); max-height: none; margin: auto; border-radius: 20px; overflow: hidden; }
.modal[open] { display: flex; flex-direction: column; animation: rise .24s cubic-bezier(.2,.7,.2,1); }
@media (max-width: 700px) { .modal { width: 100vw; height: 100dvh; border-radius: 0; } }
.modal .stage { flex: 1; min-height: 0; display: grid; place-items: center; padding: 20px; background: #1b1a18; touch-action: none; }
.stage .crop { position: relative; user-select: none; -webkit-user-select: none; touch-action: none; cursor: crosshair; line-height: 0; }
.stage .crop img { max-width: 100%; display: block; -webkit-user-drag: none; }
.crop .box { position: absolute; cursor: move; box-shadow: 0 0 0 9999px rgb(20 19 17 / 60%); outline-offset: 4px; }
.crop .clip { position: absolute; inset: 0; overflow: hidden; }
.crop .box::before { content: ""; position: absolute; inset: 0; pointer-events: none; opacity: .55;
  background: linear-gradient(#fff 0 0) 33.3% 0 / 1px 100% no-repeat, linear-gradient(#fff 0 0) 66.6% 0 / 1px 100% no-repeat, linear-gradient(#fff 0 0) 0 33.3% / 100% 1px no-repeat, linear-gradient(#fff 0 0) 0 66.6% / 100% 1px no-repeat; }
.crop .handle { position: absolute; width: 64px; height: 64px; margin: -32px; touch-action: none; }
.crop .handle::after { content: ""; position: absolute; inset: 32px auto auto 32px; width: 24px; height: 24px; border: solid #fff; border-width: 4px 0 0 4px; transform-origin: 0 0; }
.crop .handle[data-side="ne"]::after { transform: rotate(90deg); } .crop .handle[data-side="se"]::after { transform: rotate(180deg); } .crop .handle[data-side="sw"]::after { transform: rotate(270deg); }
.camera { position: relative; background: #000; color: #fff; }
.camera video { width: 100%; height: 100%; object-fit: cover; flex: 1; min-height: 0; }
.camera .controls { position: absolute; inset: auto 0 0; display: grid; grid-template-columns: 1fr auto 1fr; place-items: center; padding: 24px; background: linear-gradient(transparent, rgb(0 0 0 / 60%)); }
.camera .shutter { width: 72px; height: 72px; border-radius: 50%; border: 4px solid #fff; background: rgb(255 255 255 / 85%); background-clip: content-box; padding: 4px; cursor: pointer; }
.camera .button { background: rgb(0 0 0 / 45%); border-color: transparent; color: #fff; }
`;
