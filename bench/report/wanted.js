// What was wanted, next to what was measured.
import { short, spreadOf } from '../print.js';
import { judge } from '../targets.js';

/** @param {unknown[]} all @returns {string} a row of a table in Markdown */
export const cells = (...all) => `| ${all.join(' | ')} |`;

/**
 * @param {Record<string, { targets?: import('../measure.js').Target[] }>} answers
 * @param {(what: string) => boolean} [only] these targets
 * @returns {string} a table in Markdown
 */
export function wantedTable(answers, only = () => true) {
  const lines = Object.entries(answers).flatMap(([name, { targets = [] }]) =>
    targets
      .filter(({ what }) => only(what))
      .map((target) => {
        const { what, value, unit, atLeast } = target;
        const { met, sure } = judge(target);
        const verdict = `${met ? 'met' : '**missed**'}${sure ? '' : ', within the noise'}`;
        const wanted = `${atLeast ? '≥' : '≤'} ${target.target} ${unit}`.trim();
        return cells(
          name,
          what,
          `${short(value)}${spreadOf(target)} ${unit}`.trim(),
          wanted,
          verdict,
        );
      }),
  );
  return `| question | what | measured | wanted | |
| --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}
