/** The grid of products, cards, and the screens without results. */

export const resultsStyle = `
.results { min-width: 0; outline: none; }
.headline { display: flex; align-items: baseline; justify-content: space-between; gap: 16px; min-height: 36px; }
.headline .amount { white-space: nowrap; }
.results .said {  font-size: 16px; line-height: 24px; font-weight: 600; letter-spacing: -.005em; }
.said .warn { color: var(--warn); font-weight: 500; }
.grid { display: grid; gap: 20px 12px; grid-template-columns: repeat(auto-fill, minmax(min(152px, calc(50% - 6px)), 1fr)); }
.app[data-wide] .grid { gap: 32px 20px; grid-template-columns: repeat(auto-fill, minmax(184px, 1fr)); }
.app .grid.line { grid-template-columns: none; grid-auto-flow: column; grid-auto-columns: minmax(148px, 188px); overflow-x: auto; scroll-snap-type: x proximity; gap: 16px; padding-bottom: 8px; }
.grid.line > * { scroll-snap-align: start; }
.card { position: relative; display: flex; flex-direction: column; }
.card .tile { position: relative; aspect-ratio: var(--ratio, .8); border-radius: var(--radius); background: var(--tile); overflow: hidden; }
.card .tile img { width: 100%; height: 100%; object-fit: contain; mix-blend-mode: multiply; transition: transform .3s; }
.card .tile .fit { padding: 6px; }
.card:hover .tile img { transform: scale(1.03); }
.card.out .tile img { opacity: .5; }
.card .text { display: grid; padding: 8px 0 0; grid-template-rows: auto; }
.card .brand { min-height: 16px; font-size: 12px; line-height: 16px; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.card h3 { font-size: 14px; line-height: 20px; font-weight: 500; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.card .open { display: inline; padding: 0; border: 0; background: none; text-align: start; font-weight: inherit; cursor: pointer; }
.card .open::after { content: ""; position: absolute; inset: 0; border-radius: var(--radius); }
.card .open:focus-visible { outline: none; }
.card .open:focus-visible::after { outline: 2px solid var(--link); outline-offset: 4px; }
.card .foot { display: flex; flex-wrap: wrap; align-items: center; gap: 0 8px; min-height: 32px; }
.card .price { font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.card .dots { display: flex; align-items: center; gap: 4px; margin-inline-start: auto; position: relative; z-index: 1; font-size: 12px; color: var(--soft); }
.card .dots i { width: 12px; height: 12px; border-radius: 50%; border: 1px solid var(--edge); }
.card .flags { position: absolute; inset-inline-start: 8px; top: 8px; display: grid; gap: 4px; justify-items: start; }
.flag { padding: 0 8px; border-radius: 999px; font-size: 12px; line-height: 24px; font-weight: 600; background: #fff; color: #1d1c1a; }
.flag.exact { background: var(--fill); color: oklch(from var(--fill) clamp(0, (.66 - l) * 1000, 1) 0 0); }
.card .act { position: absolute; z-index: 1; inset-inline-end: 4px; width: 44px; height: 44px; padding: 0; border: 0; background: none; display: grid; place-items: center; cursor: pointer; color: #1d1c1a; }
.card .act span { display: grid; place-items: center; width: 36px; height: 36px; border-radius: 50%; background: rgb(255 255 255 / 88%); box-shadow: 0 1px 3px rgb(20 19 17 / 16%); transition: background-color .15s, transform .15s; }
.card .act:hover span { background: #fff; transform: scale(1.06); }
.card .similar { bottom: 4px; }
.card .because { position: relative; z-index: 1; justify-self: start; min-height: 32px; padding: 0; border: 0; background: none; font-size: 13px; color: var(--soft); cursor: pointer; text-decoration: underline; text-decoration-color: var(--line); text-underline-offset: 3px; }
.card .because:hover { color: var(--ink); text-decoration-color: currentColor; }
.skeleton .tile, .skeleton .text i { animation: breathe 1.4s ease-in-out infinite; }
.skeleton .text i { display: block; height: 12px; margin: 4px 0; border-radius: 6px; background: color-mix(in srgb, var(--ink) 9%, transparent); }
.skeleton .text { min-height: 128px; align-content: start; gap: 8px; }
@keyframes breathe { 50% { opacity: .55; } }
.busy .grid:not(.waiting) { opacity: .6; transition: opacity .2s .15s; }
.foot-row { display: flex; flex-wrap: wrap; justify-content: center; gap: 12px; margin-top: 32px; }
.foot-row:empty { display: none; }
.empty { max-width: 512px; margin: 0 auto; padding: 40px 16px; text-align: center; }
.empty .mark { display: inline-grid; place-items: center; width: 72px; height: 72px; margin-bottom: 16px; border-radius: 50%; background: color-mix(in srgb, var(--ink) 6%, transparent); }
.empty .mark .icon { width: 32px; height: 32px; stroke-width: 1.25; }
.empty p { margin: 8px 0 20px; color: var(--soft); }
.empty .choices { display: grid; gap: 8px; justify-items: center; }
.empty .choices .button { max-width: 100%; white-space: normal; min-height: 44px; padding: 8px 20px; }
.empty .samples { margin-top: 32px; }
`;
