/** The popover "why", and the places that match. */

export const whyStyle = `
.why { position: fixed; inset: auto; margin: 0; width: min(360px, calc(100vw - 24px)); max-height: min(560px, 80dvh); overflow: auto; padding: 16px 20px 20px; border: 1px solid var(--line); border-radius: 16px; color: var(--ink); background: var(--surface); box-shadow: var(--lift); text-align: start; font-size: 14px; line-height: 20px; }
.why header { display: flex; justify-content: space-between; align-items: flex-start; gap: 8px; margin: -4px -8px 8px 0; }
.why .sentence { font-size: 16px; line-height: 24px; font-weight: 500; padding-top: 8px; }
.why .parts { display: grid; grid-template-columns: 1fr auto; gap: 4px 12px; margin: 8px 0 12px; font-variant-numeric: tabular-nums; }
.why .parts > * { min-width: 0; }
.why .meter { grid-column: 1 / -1; height: 4px; border-radius: 2px; background: var(--line); margin-bottom: 4px; }
.why .meter i { display: block; height: 100%; border-radius: 2px; background: var(--link); }
.regions { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; margin-top: 12px; align-items: start; }
.regions .part { position: relative; overflow: hidden; border-radius: 8px; background: var(--tile); }
.regions img { position: absolute; height: auto; max-width: none; }
.regions figcaption { color: var(--soft); font-size: 12px; line-height: 20px; }
.regions .dot { position: absolute; width: 18px; height: 18px; margin: -9px 0 0 -9px; border-radius: 50%; border: 1px solid #fff; color: #fff; font: 600 10px/16px system-ui, sans-serif; text-align: center; }
`;
