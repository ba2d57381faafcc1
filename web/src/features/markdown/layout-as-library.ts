/**
 * To be imported before the drawing of diagrams. Its layout engine takes a worker without a document for its
 * own, and the drawing puts `self` back, which a worker does not allow: here it finds both as in a page.
 */
Object.defineProperty(self, 'self', { value: self, writable: true, configurable: true });
Object.defineProperty(self, 'document', { value: {} });
