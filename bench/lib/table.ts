import type { IMachine } from './machine.ts';

/** What the machine is. */
export function machineLine({ cpu, cores, memoryGiB, system }: IMachine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}`;
}

/** A warning when the machine was not idle right before the start. */
export function trustLines({ otherLoad }: IMachine): string[] {
  if (otherLoad <= 0.05) return [];
  return [`Something else used ${percent(otherLoad)} of the cores: do not trust the numbers.`];
}

/** How many times the base; nothing where there is no base. */
export function ratio(value: number, base: number | undefined): string {
  return base === undefined || base === 0 ? '' : (value / base).toFixed(2);
}

/** In units of 10^6 bytes. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

/** @param share 0 to 1. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Lines below a title. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** Columns as wide as they must be, the first one left, the others right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
