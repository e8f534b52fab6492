/** The photo's strip, the tools, the column or sheet of filters, and the editors over the page. */

export const sessionStyle = `
.session { display: grid; gap: 12px; padding: 12px 16px 32px; grid-template-columns: minmax(0, 1fr); }
.app[data-wide] .session { grid-template-columns: 264px minmax(0, 1fr); column-gap: 32px; padding: 24px 32px 64px; align-items: start;
  grid-template-rows: auto auto 1fr; max-width: 1760px; margin: 0 auto; }
.app[data-wide] .session > * { grid-column: 2; }
.app[data-wide] .session > .side { grid-column: 1; grid-row: 1 / span 6; position: sticky; top: 16px; max-height: calc(100vh - 32px); overflow: auto;
  margin: -4px; padding: 4px; scrollbar-width: thin; }
.app[data-plain] .session { padding: 0; display: block; }
.skip:not(:focus) { position: absolute; width: 1px; min-height: 1px; height: 1px; padding: 0; overflow: hidden; clip-path: inset(50%); }
.side { display: contents; }
.app[data-wide] .side { display: block; }
.tools { display: flex; align-items: center; gap: 8px; min-height: 44px; }
.tools .space { flex: 1; }
.app[data-wide] .tools [part~="filters-button"] { display: none; }
.tools select { appearance: none; min-height: 44px; max-width: 56%; border: 1px solid var(--line); border-radius: 999px; padding: 0 36px 0 16px; cursor: pointer; text-overflow: ellipsis;
  background: linear-gradient(45deg, transparent 50%, var(--soft) 50%) calc(100% - 20px) 55% / 5px 5px no-repeat, linear-gradient(-45deg, transparent 50%, var(--soft) 50%) calc(100% - 15px) 55% / 5px 5px no-repeat, var(--surface); }
[dir="rtl"] .tools select { padding: 0 16px 0 36px; background-position: 15px 55%, 20px 55%, 0 0; }
.badge { display: inline-grid; place-items: center; min-width: 20px; height: 20px; padding: 0 6px; border-radius: 10px; font-size: 12px; line-height: 20px;
  background: var(--fill); color: oklch(from var(--fill) clamp(0, (.66 - l) * 1000, 1) 0 0); }
.chips { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.chips:empty { display: none; }
.chip { display: inline-flex; align-items: center; max-width: 100%; padding-inline-start: 14px; border: 1px solid var(--line); border-radius: 999px; background: var(--surface); font-size: 13px; }
.chip.unknown { border-style: dashed; border-color: var(--warn); color: var(--warn); }
.chip button { display: grid; place-items: center; width: 40px; height: 40px; border: 0; border-radius: 50%; background: none; cursor: pointer; color: inherit; }
.chip .icon { width: 16px; height: 16px; }
.chips .button { min-height: 40px; }

.strip { position: relative; display: flex; align-items: center; justify-content: center; min-height: 152px; border-radius: var(--radius); background: var(--tile); color: #1d1c1a; overflow: hidden; }
.strip .photo { position: relative; flex: none; }
.strip .photo img { height: 152px; width: auto; max-width: 100%; object-fit: contain; }
.app[data-wide] .strip .photo img { height: auto; width: auto; max-width: 264px; max-height: 320px; }
.strip .shown { position: relative; display: block; overflow: hidden; padding: 0; border: 0; background: none; cursor: zoom-in; }
.strip .likeness { display: flex; align-items: center; gap: 16px; padding: 8px 60px 8px 16px; width: 100%; }
.strip .likeness img { height: 136px; width: 112px; object-fit: contain; mix-blend-mode: multiply; }
.app[data-wide] .strip .likeness { flex-direction: column; padding: 16px 16px 64px; text-align: center; }
.strip .corner { position: absolute; inset-inline-end: 8px; bottom: 8px; display: grid; gap: 8px; }
.app[data-wide] .strip .corner { grid-auto-flow: column; }
.strip .corner .button { background: #fff; color: #1d1c1a; border-color: transparent; box-shadow: var(--lift); }
.frame { position: absolute; pointer-events: none; border-radius: 8px; box-shadow: 0 0 0 9999px rgb(20 19 17 / 46%); }
.frame::before { content: ""; position: absolute; inset: -2px; border-radius: 10px; border: 3px solid #fff;
  --gap: conic-gradient(#000 0 0); mask: linear-gradient(#000 0 0) 0 0 / 18px 18px no-repeat, linear-gradient(#000 0 0) 100% 0 / 18px 18px no-repeat,
  linear-gradient(#000 0 0) 0 100% / 18px 18px no-repeat, linear-gradient(#000 0 0) 100% 100% / 18px 18px no-repeat; }
.spot { position: absolute; width: 44px; height: 44px; margin: -22px 0 0 -22px; padding: 0; border: 0; background: none; cursor: pointer; display: grid; place-items: center; }
.spot::after { content: ""; width: 16px; height: 16px; border-radius: 50%; background: #fff; border: 4px solid #fff; background-clip: padding-box; box-shadow: 0 0 0 1px rgb(20 19 17 / 25%), 0 2px 8px rgb(20 19 17 / 45%); transition: transform .15s; }
.spot:hover::after { transform: scale(1.25); }
.spot[aria-pressed="true"]::after { background: var(--accent); }
.sweep { position: absolute; inset: 0; overflow: hidden; pointer-events: none; }
.sweep::after { content: ""; position: absolute; inset: 0; background: linear-gradient(100deg, transparent 35%, rgb(255 255 255 / 55%) 50%, transparent 65%); transform: translateX(-100%); animation: sweep 1.2s ease-in-out infinite; }
@keyframes sweep { to { transform: translateX(100%); } }

.sheet { position: fixed; inset: auto 0 0; width: 100%; max-width: 560px; max-height: 86dvh; margin: 0 auto; border-radius: 20px 20px 0 0; overflow: hidden; }
.sheet[open] { display: flex; flex-direction: column; animation: rise .24s cubic-bezier(.2,.7,.2,1); }
@keyframes rise { from { transform: translateY(24px); opacity: 0; } }
.sheet > header, .modal > header { display: flex; align-items: center; justify-content: space-between; gap: 8px; padding: 8px 8px 8px 20px; border-bottom: 1px solid var(--line); }
.sheet > .body { overflow: auto; padding: 8px 20px 16px; overscroll-behavior: contain; }
.sheet > footer, .modal > footer { display: flex; gap: 8px; padding: 12px 20px; border-top: 1px solid var(--line); }
.sheet > footer .primary, .modal > footer .primary { flex: 1; }
.filters > * + * { border-top: 1px solid var(--line); }
.filters section, .filters details { padding: 8px 0; }
.filters summary, .filters h3 { display: flex; align-items: center; justify-content: space-between; min-height: 44px; font-size: 14px; line-height: 20px; font-weight: 600; cursor: pointer; list-style: none; }
.filters h3 { cursor: default; }
.filters summary::-webkit-details-marker { display: none; }
.filters summary::after { content: ""; width: 8px; height: 8px; margin-inline-end: 4px; border: solid var(--soft); border-width: 0 1.75px 1.75px 0; transform: rotate(45deg); transition: transform .15s; }
.filters details[open] > summary::after { transform: rotate(-135deg); }
.tick { display: flex; align-items: center; gap: 12px; min-height: 40px; cursor: pointer; }
.tick input { width: 20px; height: 20px; margin: 0; accent-color: var(--link); flex: none; }
.tick .count { margin-inline-start: auto; color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.tick .none { color: var(--soft); }
.branch { padding-inline-start: 24px; }
.swatch { width: 20px; height: 20px; border-radius: 50%; border: 1px solid var(--edge); flex: none; }
.range { display: grid; grid-template-columns: 1fr auto 1fr; gap: 8px; align-items: center; padding: 4px 0 8px; }
.range .field { padding: 0 12px; border-radius: var(--radius); }
.bars { display: flex; align-items: end; gap: 2px; height: 32px; margin: 4px 0; }
.bars i { flex: 1; min-height: 2px; border-radius: 2px; background: var(--line); }
.bars i.in { background: var(--link); }
.choice { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; padding: 4px; border-radius: 999px; background: color-mix(in srgb, var(--ink) 8%, transparent); }
.choice label { white-space: nowrap; overflow-wrap: normal; display: grid; place-items: center; min-height: 40px; padding: 0 8px; border-radius: 999px; cursor: pointer; }
.choice input { position: absolute; opacity: 0; }
.choice label:has(:checked) { background: var(--surface); font-weight: 600; box-shadow: 0 1px 2px rgb(20 19 17 / 16%); }
.choice label:has(:focus-visible) { outline: 2px solid var(--link); outline-offset: 1px; }
.slider { display: grid; grid-template-columns: 1fr auto; align-items: center; min-height: 44px; }
.slider input { grid-column: 1 / -1; width: 100%; height: 24px; margin: 0; accent-color: var(--link); }
`;
