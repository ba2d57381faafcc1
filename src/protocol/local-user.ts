/** For whom the page speaks on a machine of one's own, and where keys without a workspace belong. */
export const DEFAULT_WORKSPACE = 'default';
export const LOCAL_USER = 'local';
