/** A UUIDv7 by form, increasing with its number and the same in every run. */
export function serialUuid(serial: number): string {
  return `00000000-0000-7000-8000-${serial.toString(16).padStart(12, '0')}`;
}
