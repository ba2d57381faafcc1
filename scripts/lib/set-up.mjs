import { buildPage, pageIsBuilt } from '../build-page.mjs';
import { findNode, installPackages, packagesAreInstalled } from '../install-node-packages.mjs';
import { withSetupLock } from './setup-lock.mjs';

/** Packages and page, as far as they are missing. Returns the Node that runs the project. */
export async function setUp() {
  if (!packagesAreInstalled() || !pageIsBuilt()) {
    await withSetupLock(async () => {
      await installPackages();
      await buildPage();
    });
  }
  return findNode();
}
