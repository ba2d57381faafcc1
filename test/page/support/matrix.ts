import type { BrowserContextOptions } from 'playwright-core';

/** `npm run test:page` sees every screen in every look, where `npm test` sees each theme and each width once. */
export const IS_WHOLE = process.env.PAGE_MATRIX === 'whole';

const look = process.env.PAGE_LOOK ?? '';

/** Of the journeys that are run in one of the other looks; those that need the sidebar are not. */
export const IS_PHONE = look.includes('phone');

export const phone: BrowserContextOptions = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

export const LOOK: BrowserContextOptions = {
  ...(IS_PHONE && phone),
  ...(look.includes('dark') && { colorScheme: 'dark' }),
};
