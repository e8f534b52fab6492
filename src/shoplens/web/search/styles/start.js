/** The cold start. */

export const startStyle = `
.app { position: relative; display: block; }
.app.over::after { content: attr(data-drop); position: absolute; inset: 0; z-index: 9; display: grid; place-items: center;
  border: 2px dashed var(--link); border-radius: var(--radius); background: color-mix(in srgb, var(--ground) 88%, transparent); font-size: 20px; }
.start { max-width: 640px; margin: 0 auto; padding: clamp(24px, 8vh, 96px) 16px 40px; text-align: center; }
.start .title { font-size: clamp(28px, 6vw, 40px); line-height: 1.15; letter-spacing: -.025em; }
.start .lead { margin: 12px auto 0; max-width: 44ch; font-size: 16px; line-height: 24px; color: var(--soft); text-wrap: balance; }
.start .actions { display: flex; flex-wrap: wrap; justify-content: center; gap: 12px; margin: 32px 0 12px; }
.start .actions .button { min-height: 52px; padding: 0 24px; font-size: 16px; }
.start form { max-width: 440px; margin: 24px auto 0; }
.start .samples { margin-top: 40px; }
.samples ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(88px, 1fr)); gap: 12px; margin-top: 12px; }
.start .samples ul { grid-template-columns: repeat(3, 1fr); }
.app[data-wide] .start .samples ul { grid-template-columns: repeat(6, 1fr); }
.samples button { display: block; width: 100%; padding: 0; border: 0; background: var(--tile); border-radius: var(--radius); overflow: hidden; cursor: pointer; aspect-ratio: 1; }
.samples img { width: 100%; height: 100%; object-fit: contain; mix-blend-mode: multiply; transition: transform .25s; }
.samples button:hover img { transform: scale(1.05); }
.pointer-fine { display: none; }
@media (pointer: fine) { .pointer-fine { display: block; } }
.words { position: relative; }
.words .field { padding-inline-end: 52px; }
[dir="rtl"] .words .field { padding-inline: 52px; }
.words .button { position: absolute; inset-inline-end: 0; top: 0; border-color: transparent; background: none; }
`;
