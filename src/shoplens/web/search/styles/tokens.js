/** Colours, type and spacing on a grid of 4 pixels; a shop sets accent, ink, ground, radius and font. */

export const tokensStyle = `
:host { color-scheme: inherit; }
.app {
  --accent: var(--shoplens-accent, #1d5c4d); --radius: var(--shoplens-radius, 12px);
  --ground: var(--shoplens-ground, #fbfaf8); --ink: var(--shoplens-ink, #1d1c1a);
  --surface: #fff; --soft: #66635d; --line: #e4e1db; --edge: #8b8780; --tile: #f2f0ec; --warn: #8a4b00;
  --shade: rgb(20 19 17 / 56%); --lift: 0 1px 2px rgb(20 19 17 / 8%), 0 8px 24px rgb(20 19 17 / 10%);
  --fill: var(--accent); --link: oklch(from var(--accent) min(l, .52) c h);
  font: var(--shoplens-font, inherit); font-size: 14px; line-height: 20px; color: var(--ink); background: var(--ground);
  text-align: start; text-indent: 0; text-transform: none; letter-spacing: normal; word-spacing: normal; white-space: normal; overflow-wrap: anywhere;
}
@media (prefers-color-scheme: dark) {
  .app:not([data-scheme="light"]) {
    --ground: var(--shoplens-ground, #141412); --ink: var(--shoplens-ink, #f1efea);
    --surface: #1f1e1b; --soft: #aba79f; --line: #34322d; --edge: #7d7971; --tile: #dcd9d3; --warn: #f0b267;
    --lift: 0 1px 2px rgb(0 0 0 / 40%), 0 8px 24px rgb(0 0 0 / 50%);
    --fill: oklch(from var(--accent) max(l, .76) c h); --link: oklch(from var(--accent) max(l, .8) c h);
  }
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, p, ul, ol, figure, fieldset { margin: 0; padding: 0; border: 0; }
ul, ol { list-style: none; }
button, input, select { font: inherit; color: inherit; letter-spacing: inherit; }
a { color: inherit; text-decoration: none; }
img, video { display: block; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.icon { width: 20px; height: 20px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.soft { color: var(--soft); }
.small { font-size: 13px; line-height: 20px; }
.title { font-size: 20px; line-height: 28px; font-weight: 600; letter-spacing: -.01em; text-wrap: balance; }
.button { display: inline-flex; align-items: center; justify-content: center; gap: 8px; min-height: 44px; padding: 0 16px;
  border: 1px solid var(--line); border-radius: 999px; background: var(--surface); color: var(--ink); font-weight: 500;
  cursor: pointer; white-space: nowrap; transition: background-color .15s, border-color .15s; }
.button:hover { border-color: var(--edge); }
.button.primary { background: var(--fill); border-color: transparent; color: oklch(from var(--fill) clamp(0, (.66 - l) * 1000, 1) 0 0); }
.button.primary:hover { background: color-mix(in oklab, var(--fill) 88%, var(--ink)); }
.button.round { width: 44px; padding: 0; flex: none; }
.button.plain { background: none; border-color: transparent; padding: 0 8px; color: var(--link); }
.button.plain:hover { text-decoration: underline; }
.button[disabled] { opacity: .5; cursor: default; }
.field { width: 100%; min-width: 0; min-height: 44px; padding: 0 16px; border: 1px solid var(--edge); border-radius: 999px; background: var(--surface);
  font-size: 16px; text-overflow: ellipsis; }
.field::placeholder { color: var(--soft); opacity: 1; }
.row { display: flex; gap: 8px; align-items: center; }
dialog { color: var(--ink); background: var(--ground); border: 0; padding: 0; }
dialog::backdrop { background: var(--shade, rgb(20 19 17 / 56%)); }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { transition: none !important; animation: none !important; } }
`;
